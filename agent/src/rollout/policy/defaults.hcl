check "errors" {
  metric     = "error_rate"
  maximum    = 0.05
  tolerance  = 0.1
  slack      = 0.001
  min_sample = 50
}
check "latency" {
  metric     = "latency_p95"
  tolerance  = 0.1
  slack      = 0.05
  min_sample = 50
}
check "first_token" {
  metric     = "time_to_first_token_p95"
  tolerance  = 0.1
  slack      = 0.05
  min_sample = 50
  required   = false
}
check "output_speed" {
  metric     = "output_tokens_per_second"
  tolerance  = 0.25
  min_sample = 50
  required   = false
}
check "output_tokens" {
  metric     = "output_tokens"
  tolerance  = 0.02
  min_sample = 50
  required   = false
}
check "cut_short" {
  metric     = "cut_short"
  tolerance  = 0.2
  slack      = 0.005
  min_sample = 50
  required   = false
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
