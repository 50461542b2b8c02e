mock_provider "google" {}

variables {
  region = "us-east4"
}

run "nobody_is_trusted_unasked" {
  command = plan

  assert {
    condition     = length(google_compute_firewall.trusted) == 0 && length(google_compute_router_nat.this) == 1
    error_message = "Somebody may connect who was not named, or nodes have no way out."
  }
}

run "everybody_is_refused" {
  command = plan

  variables {
    trusted_cidr_blocks = ["0.0.0.0/0"]
  }

  expect_failures = [var.trusted_cidr_blocks]
}
