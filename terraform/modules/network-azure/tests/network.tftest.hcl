mock_provider "azurerm" {}

variables {
  resource_group_name = "nova"
  location            = "eastus2"
}

run "nobody_is_trusted_unasked" {
  command = plan

  assert {
    condition     = length(azurerm_network_security_rule.trusted) == 0 && azurerm_subnet.nodes.default_outbound_access_enabled == false
    error_message = "Somebody may connect who was not named, or nodes get out by Azure's shared addresses."
  }
  assert {
    condition     = azurerm_subnet.nodes.address_prefixes == tolist(["10.66.0.0/21"])
    error_message = "The nodes are not in the first half."
  }
}

run "everybody_is_refused" {
  command = plan

  variables {
    trusted_cidr_blocks = ["Internet"]
  }

  expect_failures = [var.trusted_cidr_blocks]
}
