requires = ">= 99.1"
bedrock { region = "us-east-1" }
hologram { depth = 3 }
