-- Returns all known names of the object with these names.
--
-- KEYS: the clock. ARGV: the names.
return all_names(ARGV)
