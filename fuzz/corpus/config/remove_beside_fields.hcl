bedrock { region = "us-east-1" }
auth { none = true }
model "x" {
  remove = true
  target = "nova-pro"
}
