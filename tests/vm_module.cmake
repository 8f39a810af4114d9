millrace_test(NAME test_vm_module LABELS unit property
  SOURCES
    property/vm/module_mutation_test.cpp
    support/counting_new.cpp
    unit/vm/module/check_test.cpp
    unit/vm/module/decode_test.cpp
    unit/vm/module/docs_test.cpp
    unit/vm/module/limits_test.cpp
    unit/vm/module/reader_test.cpp
    unit/vm/module/validate_test.cpp
  LIBS millrace_vm)
target_compile_definitions(test_vm_module PRIVATE MILLRACE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
millrace_test(NAME test_vm_spec_validation LABELS vectors
  SOURCES
    support/spec_script.cpp
    vectors/vm/spec_validation_test.cpp
  LIBS millrace_vm)
# Two ctests of one program: without vectors the scripts count as skipped, the linker of the tests does not.
millrace_test(NAME test_vm_spec LABELS unit vectors ARGS --test-suite=vectors/*
  SOURCES
    support/linked_machine.cpp
    support/spec_script.cpp
    unit/vm/support/linker_test.cpp
    vectors/vm/spec_test.cpp
  LIBS millrace_vm)
add_test(NAME test_vm_linker COMMAND test_vm_spec --test-suite-exclude=vectors/*)
set_tests_properties(test_vm_linker PROPERTIES LABELS unit TIMEOUT 600)
