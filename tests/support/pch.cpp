// Gives the precompiled header a translation unit to belong to; the other test programs reuse it.
