-- Returns all known names of the object with these names, at most 16.
local function all_names(names)
    local all, seen = {}, {}
    local function add(name)
        if not seen[name] and #all < 16 then
            seen[name] = true
            all[#all + 1] = name
        end
    end
    for _, name in ipairs(names) do
        add(name)
    end
    for _, name in ipairs(names) do
        for _, other in ipairs(redis.call('SMEMBERS', PREFIX .. 'names:' .. name)) do
            add(other)
        end
    end
    return all
end
