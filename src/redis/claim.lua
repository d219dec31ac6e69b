-- Claims the right to ask for something, for all replicas.
-- KEYS: the clock; the answer; the lease. ARGV: a token; how many ms the lease lasts; the names of the object.
-- A lease holds for one state of its object: a claim after a write does not wait for an answer from before it.
-- Gives whether it is ours now, and the lease's name; then what `recall.lua` gives.
local names = {}
for index = 3, #ARGV do
    names[#names + 1] = ARGV[index]
end
local changed, doubted = last_write('changed', names), last_write('doubted', names)
local lease = KEYS[3] .. ':' .. text(math.max(changed, doubted))
if redis.call('SET', lease, ARGV[1], 'NX', 'PX', ARGV[2]) then
    return { 1, lease, redis.call('GET', KEYS[2]), text(changed), text(doubted), text(now) }
end
return { 0, lease, false, text(changed), text(doubted), text(now) }
