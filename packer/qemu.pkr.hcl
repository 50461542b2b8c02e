source "qemu" "node" {
  iso_url          = var.qemu.image_url
  iso_checksum     = "sha512:${var.qemu.image_sha512}"
  disk_image       = true
  format           = "qcow2"
  disk_size        = "12G"
  disk_compression = true
  accelerator      = var.qemu.accelerator
  cpus             = 2
  memory           = 2048
  headless         = true
  output_directory = "output"
  vm_name          = "${local.name}.qcow2"
  shutdown_command = "sudo systemctl poweroff"

  # A key for this build alone (ssh-keygen -t ed25519 -N '' -f build-key), given by cloud-init from a disk beside it, and taken out again by scripts/90-clean.
  ssh_username = "packer"
  ssh_timeout  = "10m"
  cd_label     = "cidata"
  cd_content = {
    "meta-data" = "instance-id: packer\n"
    "user-data" = <<-YAML
      #cloud-config
      users:
        - name: packer
          sudo: ALL=(ALL) NOPASSWD:ALL
          shell: /bin/bash
          ssh_authorized_keys: ["${trimspace(try(file("${var.qemu.ssh_key}.pub"), ""))}"]
    YAML
  }
  ssh_private_key_file = var.qemu.ssh_key
}
