millrace_test(NAME test_market LABELS unit
  SOURCES
    unit/market/auction_clock_test.cpp
    unit/market/block_test.cpp
    unit/market/book_test.cpp
    unit/market/life_test.cpp
    unit/market/long_task_test.cpp
    unit/market/main_path_test.cpp
    unit/market/query_test.cpp
    unit/market/refusal_test.cpp
    unit/market/refusals_of_accounts.cpp
    unit/market/refusals_of_jobs.cpp
    unit/market/refusals_of_leases.cpp
    unit/market/refusals_of_providers.cpp
    unit/market/refusals_of_validators.cpp
    unit/market/state_test.cpp
    unit/market/task_test.cpp
    unit/market/validator_test.cpp
  LIBS millrace_market)
millrace_test(NAME test_market_history LABELS property
  SOURCES
    property/market/ledger_history_test.cpp
    property/market/queue_property_test.cpp
  LIBS millrace_market)
millrace_test(NAME test_market_golden LABELS golden
  SOURCES
    vectors/market/ledger_golden_test.cpp
  LIBS millrace_market)
# Prints what one block does of a clearing; run by hand: build/release/bin/ledger_bench
add_executable(ledger_bench EXCLUDE_FROM_ALL bench/market/ledger_bench.cpp)
target_link_libraries(ledger_bench PRIVATE millrace_market)
