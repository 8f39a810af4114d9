millrace_test(NAME test_common LABELS unit
  SOURCES
    unit/common/codec_test.cpp
  LIBS millrace_common)
