# The values reach the job as `nomad job run -var` would bring them.

mock_provider "nomad" {}

variables {
  nova_version = "0.2.0-rc.1"
  artifact     = "/usr/local/bin/nova-proxy"
}

run "the_job_is_the_file_and_nobody_waits_for_it" {
  command = plan

  assert {
    condition     = nomad_job.this.jobspec == file("../../../jobs/nova-proxy.nomad.hcl")
    error_message = "The job is not jobs/nova-proxy.nomad.hcl."
  }
  assert {
    condition     = nomad_job.this.detach && !nomad_job.this.rerun_if_dead
    error_message = "Terraform would wait for a promotion, or start a job that was stopped."
  }
}

run "values_are_those_that_nomad_reads" {
  command = plan

  variables {
    config      = "bedrock {\n  {{ range service \"sim\" }}endpoint = \"http://{{ .Address }}\"{{ end }}\n}\n"
    env         = { A = "a \"quoted\" $${NOMAD_ALLOC_ID} and %%{if}" }
    instances   = 7
    constraints = [{ attribute = "meta.cloud", operator = "=", value = "aws" }]
  }

  assert {
    condition     = nomad_job.this.hcl2[0].vars.version == "0.2.0-rc.1" && nomad_job.this.hcl2[0].vars.instances == "7"
    error_message = "A text or a number is not as it is."
  }
  assert {
    condition     = nomad_job.this.hcl2[0].vars.config == "bedrock {\n  {{ range service \"sim\" }}endpoint = \"http://{{ .Address }}\"{{ end }}\n}\n"
    error_message = "The configuration is changed on its way."
  }
  assert {
    condition     = nomad_job.this.hcl2[0].vars.env == "{\"A\":\"a \\\"quoted\\\" $$${NOMAD_ALLOC_ID} and %%%{if}\"}"
    error_message = "What begins a template is not escaped, so that Nomad would look for a value of it."
  }
  assert {
    condition     = jsondecode(nomad_job.this.hcl2[0].vars.constraints) == [{ attribute = "meta.cloud", operator = "=", value = "aws" }]
    error_message = "A list is not what it was."
  }
}

run "what_the_job_refuses_is_refused_by_the_plan" {
  command = plan

  variables {
    nova_version     = "new"
    artifact         = "https://releases.example.com/nova-0.2.0-linux-amd64.tar.gz"
    config           = "listen = \"0.0.0.0:80\"\n"
    strategy         = "red-black"
    spread_attribute = "$${meta.cloud}"
    consul_address   = "127.0.0.1:8500"
  }

  expect_failures = [var.nova_version, var.artifact, var.config, var.strategy, var.spread_attribute, var.consul_address]
}
