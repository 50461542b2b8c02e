bedrock { region = "us-east-1" }
auth { pepper_file = "/etc/nova/pepper" }
