bedrock {
  region   = "us-east-1"
  endpoint = "https://user:hunter2@example.com"
}
auth { keys_file = "sk-abcdefghijklmnopqrstuvwx" }
model "x" { target = "AKIAIOSFODNN7EXAMPLE" }
