terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    nomad = {
      source  = "hashicorp/nomad"
      version = "~> 2.6"
    }
  }
}
