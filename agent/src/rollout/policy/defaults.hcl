check "errors" {
  metric        = "error_rate"
  maximum       = 0.05
  maximum_ratio = 2.0
  ratio_floor   = 0.005
  min_sample    = 50
}
check "latency" {
  metric        = "latency_p95"
  maximum_ratio = 1.5
  ratio_floor   = 0.1
  min_sample    = 50
}
check "first_token" {
  metric        = "time_to_first_token_p95"
  maximum_ratio = 1.5
  ratio_floor   = 0.1
  min_sample    = 50
  required      = false
}
check "restarts" {
  metric   = "restarts"
  maximum  = 0
  critical = true
  failures = 1
}
check "unreachable" {
  metric   = "unreachable"
  maximum  = 0
  failures = 3
}
