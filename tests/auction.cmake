millrace_test(NAME test_auction LABELS unit
  SOURCES
    unit/market/auction/clear_test.cpp
    unit/market/auction/explain_test.cpp
    unit/market/auction/order_test.cpp
  LIBS millrace_market)
millrace_test(NAME test_auction_golden LABELS golden
  SOURCES unit/market/auction/golden_test.cpp
  LIBS millrace_market)
target_compile_definitions(test_auction_golden PRIVATE MILLRACE_GOLDEN_DIR="${CMAKE_CURRENT_SOURCE_DIR}/golden")
millrace_test(NAME test_auction_properties LABELS property
  SOURCES
    property/market/auction_differential_test.cpp
    property/market/auction_property_test.cpp
  LIBS millrace_market)
# Prints medians and counters; run by hand: build/release/bin/auction_bench
add_executable(auction_bench EXCLUDE_FROM_ALL bench/market/auction_bench.cpp)
target_link_libraries(auction_bench PRIVATE millrace_market)
