# What people may do who decide who may call what: write access rules, and nothing else. Whoever configures the proxies does not
# have this policy, so that nobody can give rights to themselves.

key_prefix "nova/default/access.d/" {
  policy = "write"
}
