-- GETs the targets of a file, one a line, in turn: wrk -s get.lua URL -- FILE TOKEN

dofile((debug.getinfo(1, "S").source:sub(2):gsub("[^/]*$", "")) .. "result.lua")

local requests = {}
local at = 0

function init(args)
    local headers = {["Authorization"] = "Bearer " .. args[2]}
    for target in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", target, headers)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end
