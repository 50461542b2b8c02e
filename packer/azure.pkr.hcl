source "azure-arm" "node" {
  use_azure_cli_auth = true
  subscription_id    = var.azure.subscription_id
  location           = var.azure.location
  vm_size            = "Standard_D2s_v5"
  os_type            = "Linux"

  image_publisher = "Debian"
  image_offer     = "debian-12"
  image_sku       = "12-gen2"

  secure_boot_enabled = true
  vtpm_enabled        = true
  security_type       = "TrustedLaunch"

  shared_image_gallery_destination {
    subscription   = var.azure.subscription_id
    resource_group = var.azure.resource_group
    gallery_name   = var.azure.gallery
    image_name     = "nova-node"
    # A gallery takes three numbers, and nothing behind them.
    image_version       = regex("^[0-9]+\\.[0-9]+\\.[0-9]+", var.nova_version)
    replication_regions = [var.azure.location]
  }

  azure_tags = local.tags
}
