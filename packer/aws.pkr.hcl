source "amazon-ebs" "node" {
  region                  = var.aws.region
  subnet_id               = var.aws.subnet_id
  instance_type           = "m7i.large"
  ami_name                = "${local.name}-{{ isotime `20060102150405` }}"
  ami_description         = "Nodes of Nomad that run nova-proxy ${var.nova_version}"
  ami_users               = var.aws.ami_users
  ami_regions             = var.aws.ami_regions
  ami_virtualization_type = "hvm"
  ena_support             = true

  # Debian's own account.
  source_ami_filter {
    filters = {
      name                = "debian-12-amd64-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = ["136693071363"]
    most_recent = true
  }

  # The machine that builds, and each that is started from the image, has version 2 of the metadata service alone.
  imds_support = "v2.0"
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # By Session Manager: no port is open, and there is no address of the internet.
  communicator                = "ssh"
  ssh_username                = "admin"
  ssh_interface               = "session_manager"
  associate_public_ip_address = false
  temporary_iam_instance_profile_policy_document {
    Version = "2012-10-17"
    Statement {
      Effect   = "Allow"
      Action   = ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"]
      Resource = ["*"]
    }
  }

  encrypt_boot = true
  kms_key_id   = var.aws.kms_key_id

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_size           = 12
    volume_type           = "gp3"
    delete_on_termination = true
  }

  tags            = merge(local.tags, { base_image = "{{ .SourceAMIName }}" })
  snapshot_tags   = local.tags
  run_tags        = merge(local.tags, { Name = "packer-${local.name}" })
  run_volume_tags = local.tags
}
