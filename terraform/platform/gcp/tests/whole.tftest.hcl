mock_provider "google" {}

run "nodes_read_their_secret_in_the_projects_store" {
  command = plan

  variables {
    project = "example"
    region  = "us-east4"
    nodes   = { image = "nova-node-0-1-0", retry_join = ["10.0.0.1"], secret_id = "nova-node" }
  }

  assert {
    condition     = jsondecode(module.node_config.node_json).secret == "projects/example/secrets/nova-node/versions/latest" && output.datacenter == "gcp-us-east4"
    error_message = "The nodes would look somewhere else."
  }
}
