/// What ThreadSanitizer must not believe: Debian's RocksDB is not built with it, so its own
/// synchronisation is not seen, nor that of the memory which it hands to ledger_db.cpp. Compiled
/// into every target of the preset tsan; weak, as a program gets it from several libraries.
extern "C" __attribute__((weak, visibility("default"))) const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "race:librocksdb.so\ncalled_from_lib:librocksdb.so\nrace:ledger_db.cpp\n";
}
