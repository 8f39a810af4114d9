millrace_test(NAME test_market LABELS unit
  SOURCES
    unit/market/main_path_test.cpp
  LIBS millrace_market)
