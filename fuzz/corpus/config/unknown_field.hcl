auth { none = true }
bedrock { region = "us-east-1" }
model "x" {
  target = "nova-pro"
  max_token = 5
}
limits { bananas = 4 }
colour = "red"
