source "googlecompute" "node" {
  project_id              = var.gcp.project
  zone                    = var.gcp.zone
  subnetwork              = var.gcp.subnetwork
  machine_type            = "n2-standard-2"
  source_image_family     = "debian-12"
  source_image_project_id = ["debian-cloud"]
  image_name              = "${local.name}-{{ timestamp }}"
  image_family            = "nova-node"
  image_description       = "Nodes of Nomad that run nova-proxy ${var.nova_version}"
  image_labels            = { for name, value in local.tags : name => replace(replace(value, ".", "-"), "+", "-") }
  disk_size               = 12
  disk_type               = "pd-ssd"

  # By Identity-Aware Proxy: no address of the internet, and no keys of the project.
  ssh_username     = "packer"
  use_iap          = true
  omit_external_ip = true
  use_internal_ip  = true
  metadata = {
    block-project-ssh-keys = "true"
  }

  enable_secure_boot          = true
  enable_vtpm                 = true
  enable_integrity_monitoring = true
}
