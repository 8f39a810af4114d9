-- wrk: posts one body again and again (BODY), or each line of a file once (LINES).
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local body, lines, at, answered = os.getenv("BODY"), nil, 0, 0
local path = os.getenv("LINES")
if path then
  lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
end
if lines then
  request = function()
    at = at + 1
    -- Past the end only until the last answers are here.
    return wrk.format(nil, nil, nil, lines[at] or "[]")
  end
  response = function()
    answered = answered + 1
    if answered >= #lines then wrk.thread:stop() end
  end
else
  request = function() return wrk.format(nil, nil, nil, body) end
end
