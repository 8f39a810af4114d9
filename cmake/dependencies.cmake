# Third-party libraries, all from the distribution. Imported targets are SYSTEM, so their headers do not warn.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
# BOOST_ROOT is not needed: Debian's boost1.81 headers are the ones on the include path.
find_package(Boost 1.81 REQUIRED COMPONENTS json)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(secp256k1 REQUIRED IMPORTED_TARGET libsecp256k1)
# BIP-32 fingerprints need RIPEMD-160, passphrases need Unicode NFKD; libsodium has neither.
pkg_check_modules(nettle REQUIRED IMPORTED_TARGET nettle)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
find_package(fmt REQUIRED)
if(NOT MILLRACE_PURE_ONLY)
  find_package(OpenSSL REQUIRED)
  # The text format alone: the server is ours.
  find_library(MILLRACE_PROMETHEUS prometheus-cpp-core REQUIRED)
  find_package(RocksDB REQUIRED)
  find_package(spdlog REQUIRED)
  find_package(CLI11 REQUIRED)
endif()
if(MILLRACE_TESTS)
  find_package(doctest REQUIRED)
endif()
