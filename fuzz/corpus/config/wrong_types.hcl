listen = 8080
strict = "yes"
log = "debug"
bedrock {
  region          = true
  connect_timeout = 3
  retry { max_attempts = 2.5 }
}
limits { n = "8" }
auth { none = "true" }
image_fetch { allow_hosts = "example.com" }
model "x" { target = ["nova-pro"] }
