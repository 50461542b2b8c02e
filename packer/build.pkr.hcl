build {
  name = "nova-node"
  sources = [
    "source.amazon-ebs.node",
    "source.azure-arm.node",
    "source.googlecompute.node",
    "source.qemu.node",
  ]

  provisioner "shell" {
    inline = ["mkdir -p /tmp/nova"]
  }

  provisioner "file" {
    source      = "${path.root}/files"
    destination = "/tmp/nova"
  }

  provisioner "file" {
    source      = var.nova_archive
    destination = "/tmp/nova/nova.tar.gz"
  }

  # Each stops at its first failure, and none trusts what has no sum.
  provisioner "shell" {
    execute_command = "chmod +x {{ .Path }}; sudo env {{ .Vars }} bash {{ .Path }}"
    environment_vars = [
      "DEBIAN_FRONTEND=noninteractive",
      "NOVA_VERSION=${var.nova_version}",
      "NOVA_SHA256=${var.nova_sha256}",
      "CONSUL_URL=${var.consul.url}",
      "CONSUL_SHA256=${var.consul.sha256}",
      "NOMAD_URL=${var.nomad.url}",
      "NOMAD_SHA256=${var.nomad.sha256}",
    ]
    scripts = [
      "${path.root}/scripts/10-base",
      "${path.root}/scripts/20-servers",
      "${path.root}/scripts/30-nova",
      "${path.root}/scripts/40-harden",
      "${path.root}/scripts/90-clean",
    ]
  }

  # Azure wants its own agent to forget the machine.
  provisioner "shell" {
    only   = ["azure-arm.node"]
    inline = ["sudo waagent -force -deprovision+user"]
  }

  post-processor "manifest" {
    output      = "manifest.json"
    strip_path  = true
    custom_data = local.tags
  }
}
