auth { none = true }
bedrock { region = "us-east-1" }
modle "x" { target = "nova-pro" }
bedrok { region = "us-east-1" }
