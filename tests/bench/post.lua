-- POSTs the bodies of a file, one a line, in turn: wrk -s post.lua URL -- FILE TOKEN
-- Ends with one line "RESULT {…}" for bench.py.

local requests = {}
local at = 0

function init(args)
    local headers = {
        ["Content-Type"] = "application/json",
        ["Authorization"] = "Bearer " .. args[2],
    }
    for body in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, headers, body)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency, _)
    local errors = summary.errors
    print(string.format(
        'RESULT {"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "max_ms": %.4f, ' ..
        '"refused": %d, "broken": %d}',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, latency.max / 1e3, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
