-- Sends the bytes of BENCH_REQUEST over and over, and reports in one line that lib/wrk.mjs reads.
-- wrk counts the requests in those bytes by itself, so several of them are pipelined.
local bytes = os.getenv('BENCH_REQUEST')

function request()
  return bytes
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"requests":%d,"seconds":%.6f,"p99Ms":%.3f,"refused":%d,"lost":%d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(99) / 1e3,
    errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
