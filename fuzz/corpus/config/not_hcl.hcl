listen = "127.0.0.1:8080"
bedrock {
  region "us-east-1"
}
