-- Redis's time in ms, and the counts of the current day and month.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local day = math.floor(time[1] / 86400)

-- Months counted from March of the year 0: http://howardhinnant.github.io/date_algorithms.html
local shifted = day + 719468
local era = math.floor(shifted / 146097)
local of_era = shifted - era * 146097
local leaps = math.floor(of_era / 1460) - math.floor(of_era / 36524) + math.floor(of_era / 146096)
local year = math.floor((of_era - leaps) / 365)
local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
local month = (era * 400 + year) * 12 + math.floor((5 * of_year + 2) / 153)

-- Returns the units of a window that the replicas spent, and those that others spent according to VirusTotal.
-- The counts of an earlier period are reset.
local function counts(spent, window, period)
    local fields = redis.call('HMGET', spent, window, window .. '_own', window .. '_others')
    if tonumber(fields[1]) == period then
        return tonumber(fields[2]) or 0, tonumber(fields[3]) or 0
    end
    redis.call('HSET', spent, window, period, window .. '_own', 0, window .. '_others', 0)
    redis.call('EXPIRE', spent, 2764800)
    return 0, 0
end

