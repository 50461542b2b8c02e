bedrock { region = "us-east-1" }
bedrock { region = "us-west-2" }
auth { none = true }
auth = true
model "x" { target = "nova-pro" }
model "x" { target = "nova-lite" }
