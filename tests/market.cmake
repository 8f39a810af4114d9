millrace_test(NAME test_market LABELS unit
  SOURCES
    unit/market/life_test.cpp
    unit/market/main_path_test.cpp
    unit/market/refusal_test.cpp
  LIBS millrace_market)
millrace_test(NAME test_market_history LABELS property
  SOURCES
    property/market/ledger_history_test.cpp
  LIBS millrace_market)
