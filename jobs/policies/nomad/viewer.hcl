# What people may do who look at the jobs, and change nothing. They see what is in the job: no secret belongs there.
namespace "default" {
  capabilities = ["list-jobs", "read-job"]
}
