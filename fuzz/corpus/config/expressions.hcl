listen = var.listen
strict = !true
ring   = "ring-${n}"
bedrock {
  region          = upper("us-east-1")
  connect_timeout = null
  endpoint        = true ? "a" : "b"
  retry           = { max_attempts = 3 }
}
limits { n = (4) }
auth { none = true }
