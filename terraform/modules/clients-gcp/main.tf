# Nodes of Nomad from an image of packer/, in Google Cloud. They join Consul and Nomad by themselves, with secrets that they read by
# their own account.

resource "google_service_account" "node" {
  account_id   = "${var.name}-node"
  display_name = "Nodes of Nomad that run nova-proxy"
  project      = var.project
}

resource "google_secret_manager_secret_iam_member" "node" {
  project   = var.project
  secret_id = var.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.node.email}"
}

resource "google_compute_instance_template" "node" {
  name_prefix  = "${var.name}-node-"
  description  = "Nodes of Nomad that run nova-proxy"
  project      = var.project
  region       = var.region
  machine_type = var.machine_type
  tags         = [var.node_tag]

  disk {
    source_image = var.image
    boot         = true
    auto_delete  = true
    disk_type    = "pd-ssd"
    disk_size_gb = 40

    dynamic "disk_encryption_key" {
      for_each = var.kms_key == null ? [] : [var.kms_key]
      content {
        kms_key_self_link = disk_encryption_key.value
      }
    }
  }

  # No access_config: no address of the internet.
  network_interface {
    subnetwork = var.subnetwork
  }

  metadata = {
    user-data                  = var.user_data
    block-project-ssh-keys     = "true"
    disable-legacy-endpoints   = "true"
    serial-port-logging-enable = "false"
  }

  # What the account may do is said by IAM.
  service_account {
    email  = google_service_account.node.email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_region_instance_group_manager" "nodes" {
  name               = "${var.name}-nodes"
  project            = var.project
  region             = var.region
  base_instance_name = "${var.name}-node"
  target_size        = var.nodes

  version {
    instance_template = google_compute_instance_template.node.id
  }

  # Machines are replaced by whoever drains them first, and not by a change of the template.
  update_policy {
    type                         = "OPPORTUNISTIC"
    minimal_action               = "REPLACE"
    instance_redistribution_type = "NONE"
    max_surge_fixed              = 3
    max_unavailable_fixed        = 0
  }

  depends_on = [google_secret_manager_secret_iam_member.node]
}
