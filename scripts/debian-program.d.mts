export function debianProgram(program: {
  readonly name: string;
  readonly package: string;
  readonly path: string;
}): Promise<string>;
