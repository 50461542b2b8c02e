mock_provider "google" {}

variables {
  project    = "example"
  region     = "us-east4"
  image      = "nova-node-0-1-0"
  subnetwork = "projects/example/regions/us-east4/subnetworks/nova-nodes"
  node_tag   = "nova-node"
  user_data  = "#cloud-config\n{}\n"
  secret_id  = "nova-node"
}

run "nodes_are_shielded_and_face_no_internet" {
  command = plan

  assert {
    condition     = one(google_compute_instance_template.node.shielded_instance_config).enable_secure_boot
    error_message = "A machine would start anything."
  }
  assert {
    condition     = alltrue([for interface in google_compute_instance_template.node.network_interface : length(interface.access_config) == 0])
    error_message = "A node faces the internet."
  }
  assert {
    condition     = google_compute_instance_template.node.metadata["block-project-ssh-keys"] == "true"
    error_message = "Keys of the project open the machine."
  }
}

run "the_newest_of_a_family_is_refused" {
  command = plan

  variables {
    image     = "projects/example/global/images/family/nova-node"
    secret_id = "projects/example/secrets/nova-node"
  }

  expect_failures = [var.image, var.secret_id]
}
