-- SPDX-License-Identifier: BSD-3-Clause
-- What wrk has measured, as one line of JSON on stderr; microseconds.
done = function(summary, latency, requests)
   local errors = summary.errors
   io.stderr:write(string.format('{"rate": %f, "median": %d, "p99": %d, "errors": %d}\n',
      summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
