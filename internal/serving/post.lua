-- Posts the incidents of a file of JSON lines, made by run.sh, one after the other; counts what is not 200.
local bodies, next_body = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    bodies[#bodies + 1] = line
  end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  next_body = next_body % #bodies + 1
  return wrk.format(nil, "/risk", nil, bodies[next_body])
end

function done(summary, latency, _)
  io.write(string.format(
    "%.0f requests/s, p50 %d us, p99 %d us, %d not answered by 2xx or 3xx, %d other errors\n",
    summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  ))
end
