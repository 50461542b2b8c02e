# A network for nodes in Google Cloud. Bedrock is in AWS: it is reached by NAT, or by a line of yours, and never from outside.

resource "google_compute_network" "this" {
  name                    = var.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "nodes" {
  name                     = "${var.name}-nodes"
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = var.cidr_block
  private_ip_google_access = true # For Secret Manager.

  log_config {
    aggregation_interval = "INTERVAL_5_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "among_nodes" {
  name          = "${var.name}-among-nodes"
  network       = google_compute_network.this.id
  description   = "Among the nodes: gossip, RPC, tasks"
  source_tags   = ["${var.name}-node"]
  target_tags   = ["${var.name}-node"]
  source_ranges = null

  allow {
    protocol = "tcp"
    ports    = ["4646-4648", "8300-8302", "8500-8503", "20000-32000"]
  }

  allow {
    protocol = "udp"
    ports    = ["8301-8302"]
  }
}

resource "google_compute_firewall" "trusted" {
  count = length(var.trusted_cidr_blocks) > 0 ? 1 : 0

  name          = "${var.name}-trusted"
  network       = google_compute_network.this.id
  description   = "Servers, load balancers and applications"
  source_ranges = var.trusted_cidr_blocks
  target_tags   = ["${var.name}-node"]

  allow {
    protocol = "tcp"
    ports    = var.trusted_ports
  }

  allow {
    protocol = "udp"
    ports    = ["8301"]
  }
}

resource "google_compute_router" "this" {
  count = var.has_nat ? 1 : 0

  name    = var.name
  network = google_compute_network.this.id
  region  = var.region
}

resource "google_compute_router_nat" "this" {
  count = var.has_nat ? 1 : 0

  name                               = var.name
  router                             = google_compute_router.this[0].name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.nodes.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}
