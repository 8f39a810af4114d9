millrace_test(NAME test_vm_spec_validation LABELS vectors
  SOURCES
    support/spec_script.cpp
    vectors/vm/spec_validation_test.cpp
  LIBS millrace_vm)
