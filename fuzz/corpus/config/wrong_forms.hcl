listen = "localhost:8080"
ring   = "Stable Ring"
bedrock {
  region          = "Virginia"
  endpoint        = "bedrock.example.com"
  connect_timeout = "3"
}
auth { keys_file = "" }
limits { body_bytes = "25MB" }
image_fetch { allow_hosts = ["ok.example.com", "http://bad", "ok.example.com"] }
model "x" {
  target = "nova-pro"
  guardrail {
    id      = "gr-1"
    version = "latest"
  }
}
