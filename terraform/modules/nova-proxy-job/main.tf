# The job nova-proxy, by its own file: jobs/nova-proxy.nomad.hcl, with the values of this module's variables.

resource "nomad_job" "this" {
  jobspec = file("${path.module}/../../../jobs/nova-proxy.nomad.hcl")

  hcl2 {
    vars = local.vars
  }

  # Terraform hands a version in and goes. Whether a canary is promoted is the agent's to decide, and may take days: waiting for it
  # would end in a time-out, and there is nothing to see in it that the agent does not tell.
  detach = true

  preserve_counts  = var.preserve_counts
  purge_on_destroy = var.purge_on_destroy

  # A job that was stopped by hand stays stopped until somebody changes it.
  rerun_if_dead = false
}
