/// What ThreadSanitizer must not believe: Debian's RocksDB is not built with it, so its own
/// synchronisation is not seen. Compiled into every target of the preset tsan; weak, as a program
/// gets it from several libraries.
extern "C" __attribute__((weak, visibility("default"))) const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "race:librocksdb.so\ncalled_from_lib:librocksdb.so\n";
}
