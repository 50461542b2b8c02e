# What people and pipelines may do who bring versions of the proxy out: run its jobs, promote, revert, and look at what became of
# them. Nomad has no right to promote alone: whoever may, may run any job of this namespace, and so gets the rights of the proxy's
# roles in Consul and Vault. Give the proxy a namespace of its own where others have jobs too.
namespace "default" {
  capabilities = ["list-jobs", "parse-job", "read-job", "submit-job", "read-logs"]
}

# Jobs with a volume for data_dir, by the variable host_volume.
host_volume "nova-*" {
  capabilities = ["mount-readwrite"]
}
