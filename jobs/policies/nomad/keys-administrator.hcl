# What people may do who give out API keys: keep them in the variable that the job's template reads. They run no jobs.
namespace "default" {
  variables {
    path "nomad/jobs/nova-proxy" {
      capabilities = ["read", "write", "destroy"]
    }
  }
}
