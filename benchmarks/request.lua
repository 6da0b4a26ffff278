-- What wrk sends, from the environment that _load.py sets, and what it counted, as one line that _load.py reads.

wrk.method = os.getenv("BENCH_METHOD")
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Authorization"] = os.getenv("BENCH_AUTHORIZATION")
if wrk.body then
  wrk.headers["Content-Type"] = "application/json"
end

-- duration is in microseconds; errors.status counts the answers of 400 and above.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'COUNTED {"requests": %d, "microseconds": %d, "refused": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
