terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    consul = {
      source  = "hashicorp/consul"
      version = "~> 2.21"
    }
    nomad = {
      source  = "hashicorp/nomad"
      version = "~> 2.6"
    }
    vault = {
      source  = "hashicorp/vault"
      version = "~> 5.0"
    }
  }
}
