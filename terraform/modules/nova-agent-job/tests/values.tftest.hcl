# The values reach the job as `nomad job run -var` would bring them.

mock_provider "nomad" {}

variables {
  nova_version = "0.1.0"
  artifact     = "https://releases.example.com/nova-0.1.0-linux-amd64.tar.gz?checksum=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "the_job_is_the_file_and_nobody_waits_for_it" {
  command = plan

  assert {
    condition     = nomad_job.this.jobspec == file("../../../jobs/nova-agent.nomad.hcl") && nomad_job.this.detach
    error_message = "The job is not jobs/nova-agent.nomad.hcl, or Terraform would wait for it."
  }
  assert {
    condition     = nomad_job.this.hcl2[0].vars.viewer_policies == "[\"nova-viewer\"]" && nomad_job.this.hcl2[0].vars.has_vault_identity == "false"
    error_message = "A default is not that of the job."
  }
}

run "what_the_job_refuses_is_refused_by_the_plan" {
  command = plan

  variables {
    instances  = 0
    namespaces = []
    config     = "kv_prefix = \"other\"\n"
  }

  expect_failures = [var.instances, var.namespaces, var.config]
}
